// Boots Swagger UI. Calls tried from the page by a signed-in person carry the session and its CSRF token.
const target = document.getElementById("swagger-ui");

function csrfToken() {
  const found = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/);
  return found ? decodeURIComponent(found[1]) : "";
}

window.SwaggerUIBundle({
  url: target.dataset.openapi,
  domNode: target,
  deepLinking: true,
  docExpansion: "none", // hundreds of operations take a browser half a minute to lay out
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
  requestInterceptor(request) {
    const token = csrfToken();
    if (token && new URL(request.url, location.href).origin === location.origin) {
      request.headers["X-CSRFToken"] = token;
    }
    return request;
  },
});
