// Boots GraphiQL against our endpoint: the session's cookie, its CSRF token, and subscriptions over graphql-transport-ws.
import { cookie } from "./cookies.js";

const root = document.getElementById("graphiql");
const url = new URL(root.dataset.url, location.href);
const socketUrl = new URL(root.dataset.socketUrl || root.dataset.url, location.href);
socketUrl.protocol = socketUrl.protocol.replace("http", "ws");

async function ask(params, headers) {
  const response = await fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": cookie("csrftoken"), ...headers },
    body: JSON.stringify(params),
  });
  const body = await response.text();
  try {
    return JSON.parse(body);
  } catch {
    return { errors: [{ message: `${response.status} ${response.statusText}: ${body.slice(0, 400)}` }] };
  }
}

// An observable, the shape GraphiQL takes for results that keep coming.
function listen(params) {
  return {
    subscribe(observer) {
      const socket = new WebSocket(socketUrl, "graphql-transport-ws");
      const send = (frame) => socket.send(JSON.stringify(frame));
      let done = false;
      const finish = (error) => {
        if (done) return;
        done = true;
        socket.close(1000);
        if (error) observer.error(error);
        else observer.complete();
      };
      const heard = {
        connection_ack: () => send({ id: "1", type: "subscribe", payload: params }),
        ping: () => send({ type: "pong" }),
        next: (frame) => observer.next(frame.payload),
        error: (frame) => finish({ errors: frame.payload }),
        complete: () => finish(),
      };
      socket.onopen = () => send({ type: "connection_init", payload: {} });
      socket.onmessage = (message) => { const frame = JSON.parse(message.data); heard[frame.type]?.(frame); };
      socket.onclose = (event) => finish(event.code === 1000 ? null : new Error(`Socket closed: ${event.code} ${event.reason}`));
      return { unsubscribe: () => { done = true; socket.close(1000); } };
    },
  };
}

function isSubscription(document, name) {
  const operations = (document?.definitions ?? []).filter((part) => part.kind === "OperationDefinition");
  const chosen = operations.find((part) => !name || part.name?.value === name) ?? operations[0];
  return chosen?.operation === "subscription";
}

const fetcher = (params, extra) =>
  isSubscription(extra?.documentAST, params.operationName) ? listen(params) : ask(params, extra?.headers);

const { createElement } = window.React;
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
};
const app = window.ReactDOM.createRoot(root);
const home = createElement("a", { href: "/console/", className: "graphiql-home" }, root.dataset.home);
const render = () => app.render(createElement(
  window.GraphiQL,
  { fetcher, forcedTheme: theme(), defaultEditorToolsVisibility: true, defaultQuery: "{\n  version\n  health\n}\n" },
  createElement(window.GraphiQL.Logo, null, home),
));
render();
dark.addEventListener("change", render);
