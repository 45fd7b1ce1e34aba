// Markdown of models, as nodes. Three walls stand before the page: markdown-it makes no HTML of HTML, DOMPurify lets a list of tags
// and links through, and the policy of the page runs nothing inline. Nothing is loaded from outside: a picture becomes a link to it.
import "../vendor/markdown-it-15.0.3/markdown-it.umd.min.js";
import "../vendor/dompurify-3.4.18/purify.min.js";
import hljs from "../vendor/highlight-11.12.0/highlight.min.js";

const { markdownit, DOMPurify } = globalThis;
const LINKS = /^(?:https?|mailto):/i;
const LONGEST = 60_000; // characters of code that get colours
const RULES = {
  ALLOWED_TAGS: [
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["class", "href", "start", "title"],
  ADD_URI_SAFE_ATTR: ["start"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: LINKS,
  RETURN_DOM_FRAGMENT: true,
};
const COLOURS = { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true };

const md = markdownit({ html: false, linkify: true, breaks: false, typographer: false });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
md.validateLink = (url) => LINKS.test(url.trim());
const escape = md.utils.escapeHtml;

md.renderer.rules.image = (tokens, index) => {
  const url = tokens[index].attrGet("src");
  return `<a href="${escape(url)}">${escape(tokens[index].content || url)}</a>`;
};
// Where a column's text stands is a class: the policy allows no style attribute.
for (const rule of ["td_open", "th_open"]) {
  md.renderer.rules[rule] = (tokens, index, options, _env, self) => {
    const found = /text-align:(\w+)/.exec(tokens[index].attrGet("style") ?? "");
    tokens[index].attrs = found ? [["class", `prose__${found[1]}`]] : null;
    return self.renderToken(tokens, index, options);
  };
}
DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName !== "A") return;
  if (!node.hasAttribute("href")) return node.replaceWith(...node.childNodes);
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
});

function colour(code, language) {
  const text = code.textContent;
  if (!hljs.getLanguage(language) || text.length > LONGEST) return;
  const html = hljs.highlight(text, { language, ignoreIllegals: true }).value;
  code.replaceChildren(DOMPurify.sanitize(html, COLOURS));
}

// A block of code gets its language as a head, and a button that copies it.
function frameCode(pre, hasColours) {
  const code = pre.querySelector("code");
  if (!code) return;
  const language = /language-(\S+)/.exec(code.className)?.[1] ?? "";
  const frame = document.getElementById("chat-code").content.firstElementChild.cloneNode(true);
  frame.querySelector("[data-language]").textContent = language;
  if (hasColours) colour(code, language);
  pre.replaceWith(frame);
  pre.tabIndex = 0;
  frame.append(pre);
}

// What of a growing text will not change any more: the offset at which its last block begins. Only whole lines are looked at, since
// half a line may yet turn out to belong to the block before it.
export function settled(text) {
  const lines = text.slice(0, text.lastIndexOf("\n") + 1);
  const tokens = [];
  md.block.parse(lines.replaceAll("\r\n", " \n"), md, {}, tokens); // of the same length
  const begins = tokens.filter((token) => token.level === 0 && token.map && token.nesting >= 0).map((token) => token.map[0]);
  let offset = 0;
  for (let line = begins.at(-1) ?? 0; line > 0; line -= 1) offset = lines.indexOf("\n", offset) + 1;
  return offset;
}

export const needsWhole = (text) => /^ {0,3}\[[^\]]+\]:\s*\S/m.test(text); // links defined elsewhere in the text

// Frames for code, tables that scroll by themselves, and headings below the page's own.
export function dress(root, hasColours = true) {
  for (const pre of root.querySelectorAll("pre")) frameCode(pre, hasColours);
  for (const table of root.querySelectorAll("table")) {
    const frame = Object.assign(document.createElement("div"), { className: "prose__table", tabIndex: 0 });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const heading of root.querySelectorAll("h1, h2, h3, h4")) {
    const lower = document.createElement(`h${Number(heading.localName[1]) + 2}`);
    lower.append(...heading.childNodes);
    heading.replaceWith(lower);
  }
}

export function render(text, hasColours = true) {
  const nodes = DOMPurify.sanitize(md.render(text), RULES);
  dress(nodes, hasColours);
  return nodes;
}
