// Explains a prediction of the log: [data-explaining] holds the row and the version it is sent to once more. Works in the drawer as well.
import { post, refusal, spelt } from "./model-api.js";
import { showWaterfall } from "./waterfall.js";

async function explain(place, button) {
  const words = place.dataset;
  const note = place.querySelector("[data-explain-note]");
  const figure = place.querySelector("[data-waterfall]");
  button.disabled = true;
  try {
    const answer = await post(words.url, words.body);
    if (!answer.ok) {
      note.textContent = refusal(answer, words);
      return;
    }
    const sent = JSON.parse(words.body).features;
    const say = { yes: words.yes, no: words.no, leftOut: figure.dataset.leftOut };
    showWaterfall(figure, answer.told.explanation, JSON.parse(words.names), (name) => spelt(sent[name], say));
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
