"""Checks a sequence: are all frames there, whole, of one kind, and of one graph?"""
