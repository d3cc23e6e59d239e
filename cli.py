"""Launcher for a checkout: python cli.py ask "…"."""

from rag.cli import main

if __name__ == "__main__":
    main()
