"""Streams to other nodes: listening, dialling, reading and writing."""
