// How a conversation answers, as its form says it: system prompt, parameters, what happens when it grows too long.
const form = document.querySelector("[data-settings]");

const number = (input) => {
  const given = input.value.trim().replace(",", ".");
  if (!given) return null;
  const value = Number(given);
  return Number.isFinite(value) ? value : given; // the server says what is wrong with it, at its name
};

export function readSettings() {
  if (!form) return {};
  const fields = form.elements;
  const parameters = {};
  for (const input of form.querySelectorAll("[data-parameter]")) {
    const value = number(input);
    if (value !== null) parameters[input.name] = value;
  }
  return {
    system_prompt: fields.system_prompt.value,
    parameters,
    trimming: fields.trimming.value,
    context_tokens: number(fields.context_tokens),
    visibility: fields.visibility.checked ? "organization" : "private",
  };
}
