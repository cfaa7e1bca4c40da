"""The instructions of IFEval, one module a group and one function a type; see rewards/instruction.py."""
