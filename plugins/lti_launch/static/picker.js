// The time zone of this browser is the likely one; without this script it is UTC until chosen, and
// what was chosen before this script was there stays.
const zone = document.querySelector("#zone[data-guess]");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isChosen = zone && !zone.selectedOptions[0].defaultSelected;
const isOffered = zone && [...zone.options].some((option) => option.value === here);
if (isOffered && !isChosen) zone.value = here;
