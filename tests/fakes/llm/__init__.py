"""A model server that speaks OpenAI's, Anthropic's, Gemini's, Ollama's and TGI's words, with every way to fail.

`python -m tests.fakes.llm --port 0` prints its port. What it does stands in the model's name, `mode?name=value&...`:

ok          answers; `tokens=N` words long, `text=...` instead, `ttft=S` before the first, `gap=S` between them,
            `prompt_tokens=N` and `completion_tokens=N` to claim other numbers, `usage=0` to say nothing of them;
            `letters=N` to break the text anywhere, `goes_on=1` to say only what is missing of a text that the request
            has begun, in its last message or behind its prompt
tools       calls the first tool it was given; others do with `tool=1`
length      ends for the length
status      answers `code=500` and an error body; `retry_after=S`, `message=...`, `error=code`, `echo=1` (says the
            credential back)
overflow    says that the prompt is too long, in the dialect's own words
hang        takes the request and says nothing; after the head with `head=1`
reset       resets the connection; after N pieces with `after=N`
half        ends the stream after `after=N` pieces without the word for the end (a whole answer: half the body)
stall       sends `after=N` pieces and then nothing more
error       tells an error inside the stream after `after=N` pieces
garbage     `kind=html|json|utf8|types|missing|empty`
drip        one byte every `gap=S`
huge        an answer without end; `bomb=1` packs it with gzip
redirect    302 to `to=URL`

A model can be given a script instead: `POST /_fake/script {"model": ..., "modes": [...]}`, one mode a call, the last
one for ever. `GET /_fake/calls` tells what was asked and how it ended; `POST /_fake/reset` forgets everything.
"""
