// Server-sent events of a fetched body, wherever its pieces are cut.

function frameOf(block) {
  const frame = { event: "message", id: "", data: null };
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon < 1) continue; // a comment, or nothing
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "event" || name === "id") frame[name] = value;
  }
  if (data.length) frame.data = data.join("\n");
  return frame;
}

// Each event as {event, id, data}; `heard` is called whenever anything arrives, comments too.
export async function* readFrames(body, heard = () => {}) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      rest += value;
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const frame = frameOf(block);
        if (frame.data !== null) yield frame;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// The data of each event, as text.
export async function* readEvents(body) {
  for await (const { data } of readFrames(body)) yield data;
}
