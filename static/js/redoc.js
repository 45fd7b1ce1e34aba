// Boots ReDoc on our own document.
const target = document.getElementById("redoc");
window.Redoc.init(target.dataset.openapi, { hideDownloadButton: false, disableSearch: false, nativeScrollbars: true }, target);
