"""Reads a file of variables with a reader of Python's, and prints what it reads as one JSON object:
python3 readers.py python|pydantic FILE. Exit code 3 where the reader is not installed."""
import json
import sys

try:
    import dotenv
    from pydantic import create_model
    from pydantic_settings import BaseSettings, SettingsConfigDict
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(3)


def read_with_settings(file):
    """Reads with a settings class that has a field for each name of the file."""

    class Base(BaseSettings):
        model_config = SettingsConfigDict(env_file=file, case_sensitive=True, extra="ignore")

    names = dotenv.dotenv_values(file, interpolate=False)
    return create_model("Settings", __base__=Base, **{name: (str, ...) for name in names})().model_dump()


reader, file = sys.argv[1:]
values = dict(dotenv.dotenv_values(file)) if reader == "python" else read_with_settings(file)
json.dump(values, sys.stdout)
