"""Stock Django under ASGI: `startproject`'s middleware, DRF as its tutorial has it, uvicorn in front."""
