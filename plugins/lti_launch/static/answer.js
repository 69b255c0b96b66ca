// Brings the answer to the platform; without scripts the button does.
document.getElementById("answer").submit();
