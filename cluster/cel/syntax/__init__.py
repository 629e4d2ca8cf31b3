"""From text to a tree: lexer, parser, macros, and messages that point into the text."""
