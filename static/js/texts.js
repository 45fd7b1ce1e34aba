// The words scripts say, translated by the server in console/texts.html. `%n` is replaced by the number.
export function text(name, number) {
  const key = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const words = document.getElementById("texts")?.dataset[key] ?? name;
  return number === undefined ? words : words.replace("%n", String(number));
}
