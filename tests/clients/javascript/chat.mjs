// The official client in JavaScript, pointed at us: what each call gave goes out as one line of JSON.
import OpenAI from "openai";

const [baseURL, apiKey, model, tools, broken] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "hi there" }];
const weather = { type: "function", function: { name: "get_weather", parameters: { type: "object" } } };

const told = {};

const answer = await client.chat.completions.create({ model, messages });
told.chat = answer.choices[0].message.content;
told.usage = answer.usage.total_tokens;

let text = "";
let usage = null;
const stream = await client.chat.completions.create({
  model, messages, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
told.stream = text;
told.streamUsage = usage.total_tokens;

const called = await client.chat.completions.create({ model: tools, messages, tools: [weather] });
told.tool = called.choices[0].message.tool_calls[0].function.name;

try {
  await client.chat.completions.create({ model: "nothing", messages });
} catch (error) {
  told.missing = [error.constructor.name, error.status, error.code];
}

try {
  const cut = await client.chat.completions.create({ model: broken, messages, stream: true });
  for await (const _ of cut);
  told.cut = "looked whole";
} catch (error) {
  told.cut = error.code;
}

const left = await client.chat.completions.create({ model, messages, stream: true });
left.controller.abort();
told.aborted = left.controller.signal.aborted;

console.log(JSON.stringify(told));
