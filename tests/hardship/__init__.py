"""Hardships: does the course survive what goes wrong outside it?"""
