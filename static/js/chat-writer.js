// A text that grows: painted at most once a frame, and less often when painting is dear. Blocks that are over stay as they are; the
// last one alone is made anew.
import { needsWhole, render, settled } from "./chat-markdown.js";

const DEAR = 10; // a painting may take a tenth of the time

export class Writer {
  #box;
  #text = "";
  #closed = 0; // so many characters stand in blocks that are over
  #open = []; // the nodes of the last block
  #frame = 0;
  #notBefore = 0;

  // `text` is what stands in the box already.
  constructor(box, text = "") {
    this.#box = box;
    this.#take(text);
  }

  get text() {
    return this.#text;
  }

  // What comes next stands behind so many characters (as the server counts them, by code points). Until it comes, nothing is repainted.
  goOn(offset) {
    const points = [...this.#text];
    if (points.length !== offset || offset === 0) this.#take(points.slice(0, offset).join(""));
  }

  add(text) {
    this.#text += text;
    this.#frame ||= requestAnimationFrame((now) => this.#due(now));
  }

  end() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (needsWhole(this.#text)) {
      this.#box.replaceChildren(render(this.#text));
      this.#open = [];
      this.#closed = this.#text.length;
    } else {
      this.#paint(true);
    }
  }

  #take(text) {
    this.#text = text;
    this.#closed = 0;
    this.#open = [...this.#box.childNodes];
  }

  #due(now) {
    this.#frame = 0;
    if (now < this.#notBefore) {
      this.#frame = requestAnimationFrame((later) => this.#due(later));
      return;
    }
    const began = performance.now();
    this.#paint(false);
    this.#notBefore = began + (performance.now() - began) * DEAR;
  }

  #paint(isLast) {
    const rest = this.#text.slice(this.#closed);
    const cut = settled(rest);
    const fresh = document.createDocumentFragment();
    if (cut) fresh.append(render(rest.slice(0, cut)));
    const open = render(rest.slice(cut), isLast);
    const nodes = [...open.childNodes];
    fresh.append(open);
    for (const node of this.#open) node.remove();
    this.#box.append(fresh);
    this.#open = nodes;
    this.#closed += cut;
  }
}
