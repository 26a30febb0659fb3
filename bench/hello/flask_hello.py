"""Hello on Flask, for its own server and for gunicorn."""

import logging

from flask import Flask

logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = Flask(__name__)


@app.get("/")
def hello():
    return "Hello, world!\n"
