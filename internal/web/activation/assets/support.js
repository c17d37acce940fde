// Tells while a СНИЛС is typed whether its check digits fit, and shuts the field of
// a patronymic that there is none; a field that changes loses what was said of it. The server checks all of it again.
"use strict";
(() => {
  const form = document.getElementById("support");
  const field = document.getElementById("snils");
  const state = document.getElementById("snils-state");
  const none = document.getElementById("no-middle");
  const middle = document.getElementById("middle");
  if (!form || !field || !state || !none || !middle) return;

  // The last two digits are the sum of the first nine, weighed 9 to 1, modulo 101.
  const fits = (digits) => {
    if (digits.slice(0, 9) <= "001001998") return !/^0+$/.test(digits);
    let sum = 0;
    for (let i = 0; i < 9; i++) sum += (9 - i) * Number(digits[i]);
    return ((sum % 101) % 100) === Number(digits.slice(9));
  };
  const look = () => {
    const digits = field.value.replace(/[\s\-–]/g, "");
    let text = "", good = false, bad = false;
    if (digits !== "") {
      if (/^\d{11}$/.test(digits)) {
        good = fits(digits);
        bad = !good;
        text = good ? form.dataset.good : form.dataset.bad;
      } else if (/^\d{0,10}$/.test(digits)) {
        text = form.dataset.more + " " + (11 - digits.length);
      } else {
        bad = true;
        text = form.dataset.bad;
      }
    }
    state.textContent = text;
    state.className = good ? "slip fits" : bad ? "slip" : "hint";
    if (bad) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  };
  field.addEventListener("input", look);
  if (field.value !== "" && state.textContent === "") look();

  // What the server found wrong with a field is said until the field changes.
  const forget = (input) => {
    if (input === field) return;
    input.removeAttribute("aria-invalid");
    const fault = document.getElementById(input.id + "-fault");
    if (fault) fault.textContent = "";
  };
  form.addEventListener("input", (event) => forget(event.target));

  const shut = () => {
    middle.disabled = none.checked;
    middle.required = !none.checked;
    if (none.checked) forget(middle);
  };
  none.addEventListener("change", shut);
  shut();
})();
