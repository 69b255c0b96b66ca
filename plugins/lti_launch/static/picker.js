// The time zone of this browser is the likely one; without this script it is UTC until chosen.
const zone = document.querySelector("#zone[data-guess]");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && [...zone.options].some((option) => option.value === here)) zone.value = here;
