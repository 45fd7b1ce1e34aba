// Explains a prediction of the log: [data-explaining] holds where to ask, and its row. Works in the drawer as well.
import { get, refusal, spelt } from "./model-api.js";
import { showWaterfall } from "./waterfall.js";

async function explain(place, button) {
  const words = place.dataset;
  const note = place.querySelector("[data-explain-note]");
  const figure = place.querySelector("[data-waterfall]");
  button.disabled = true;
  try {
    const answer = await get(words.url);
    if (!answer.ok) {
      note.textContent = refusal(answer, words);
      return;
    }
    const row = JSON.parse(words.features);
    const say = { yes: words.yes, no: words.no, leftOut: figure.dataset.leftOut };
    showWaterfall(figure, answer.told, JSON.parse(words.names), (name) => spelt(row[name], say));
    button.parentElement.hidden = true;
  } catch {
    note.textContent = words.unreachable;
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-explain-now]");
  if (button) explain(button.closest("[data-explaining]"), button);
});
