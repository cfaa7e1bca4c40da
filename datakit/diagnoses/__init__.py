"""Diagnoses of a reward, one file each; the file's name is the diagnosis's."""
