"""validate.py SCHEMA <lines: names each line that is not one JSON object, or not as the schema says; ends with 1 if there is one.
The validator is Debian's python3-jsonschema."""

import json
import sys

import jsonschema


def unique(members):
	if len({name for name, _ in members}) != len(members):
		raise ValueError("a member stands twice")
	return dict(members)


def no_constant(name):
	raise ValueError(name + " is not JSON")


def defect(validator, line):
	try:
		change = json.loads(line.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_constant)
	except ValueError as error:
		return str(error)
	error = next(validator.iter_errors(change), None)
	return error and "{}: {}".format(error.json_path, error.message)


with open(sys.argv[1], encoding="utf-8") as file:
	schema = json.load(file)
validator = jsonschema.validators.validator_for(schema)(schema)
validator.check_schema(schema)
bad = 0
for number, line in enumerate(sys.stdin.buffer, 1):
	found = defect(validator, line.rstrip(b"\n"))
	if found:
		bad += 1
		print("{}: {}".format(number, found))
sys.exit(bad > 0)
