package config

import (
	"regexp"
	"strconv"
	"strings"
)

func validateDisk(d *DiskCheck, key string, rep *report) {
	if at := key + ".path"; d.Path == "" && rep.ok(at) {
		rep.add(at, "is missing", "write a directory of the filesystem, such as /var/lib")
	}
}

func validateExec(e *ExecCheck, key string, rep *report) {
	if at := key + ".command"; len(e.Command) == 0 && rep.ok(at) {
		rep.add(at, "is missing", "write the program and its arguments as a list, such as [/usr/local/bin/check, --fast]")
	}
}

// measure is how an Amount is written that is no percentage.
type measure struct {
	noun  string             // "a size such as 500MiB"
	isNo  string             // said of what is none
	units map[string]float64 // how much of the Number each is
}

var (
	sizes = measure{
		noun: "a size such as 500MiB or a percentage such as 5%", isNo: "is neither a size with a unit nor a percentage",
		units: map[string]float64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40},
	}
	counts = measure{
		noun: "a number such as 1000 or a percentage such as 5%", isNo: "is neither a whole number nor a percentage",
		units: map[string]float64{"": 1},
	}
)

var numberAndUnit = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$`)

func (m measure) parse(text string, hidden bool) (any, *complaint) {
	if strings.HasSuffix(text, "%") {
		percent, bad := parsePercent(text, hidden)
		if bad != nil {
			return nil, &complaint{bad.message, "write " + m.noun}
		}
		return Amount{Percent: percent.(float64)}, nil
	}
	wrong := &complaint{quote(text, hidden) + " " + m.isNo, "write " + m.noun}
	parts := numberAndUnit.FindStringSubmatch(text)
	if parts == nil {
		return nil, wrong
	}
	unit, known := m.units[parts[2]]
	if !known || unit == 1 && strings.Contains(parts[1], ".") {
		return nil, wrong
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	switch n *= unit; {
	case err != nil || n >= 1<<63:
		return nil, &complaint{quote(text, hidden) + " is more than there can be", "write " + m.noun}
	case n < 1:
		return nil, &complaint{quote(text, hidden) + " is not more than 0", "write " + m.noun}
	}
	return Amount{Number: uint64(n)}, nil
}

// parsePercent wants the sign, as 0.9 would be taken for 90 % by one and for 0.9 % by another.
func parsePercent(text string, hidden bool) (any, *complaint) {
	number, hasSign := strings.CutSuffix(text, "%")
	parts := numberAndUnit.FindStringSubmatch(number)
	switch {
	case parts == nil || parts[2] != "":
		return nil, &complaint{quote(text, hidden) + " is not a percentage", "write one such as 90%"}
	case !hasSign && hidden:
		return nil, &complaint{"the value has no percent sign", "write a percentage such as 90%"}
	case !hasSign:
		return nil, &complaint{text + " has no percent sign", "write " + text + "%"}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n <= 0 || n > 100 {
		return nil, &complaint{quote(text, hidden) + " is no percentage above 0 and up to 100", "write one such as 90%"}
	}
	return n, nil
}

// parseShare gives what a percentage is of 1.
func parseShare(text string, hidden bool) (any, *complaint) {
	percent, bad := parsePercent(text, hidden)
	if bad != nil {
		return nil, bad
	}
	return percent.(float64) / 100, nil
}

func parseDays(text string, hidden bool) (any, *complaint) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 36500 {
		return nil, &complaint{quote(text, hidden) + " is no number of days from 1 to 36500", "write how many must be left; the default is 14"}
	}
	return n, nil
}
