"""The hot doors: model calls as other programs' clients make them. Plain coroutines, no database when warm."""
