package memorycheck

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// files reads what the kernel tells in files.
type files struct{ root string }

// read returns a file. The kernel makes them as they are read, each within a
// few pages.
func (f files) read(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join("/", f.root, name))
	return string(b), err
}

// budgets lists the limits that hold for this process, or else the machine's
// memory. It returns at least one.
func (f files) budgets() ([]budget, error) {
	machine, err := f.machine()
	if err != nil {
		return nil, err
	}
	var all []budget
	for group := f.cgroup(); group != ""; group = parent(group) {
		b, err := f.limit(group)
		if err != nil {
			return nil, err
		}
		// A limit above what the machine has never bites.
		if b.total > 0 && b.total < machine.total {
			all = append(all, b)
		}
	}
	if all == nil {
		all = []budget{machine}
	}
	return all, nil
}

// machine is the memory of the machine. /proc/meminfo counts in units of 1024
// bytes, which it calls kB.
func (f files) machine() (budget, error) {
	const name = "proc/meminfo"
	text, err := f.read(name)
	if errors.Is(err, os.ErrNotExist) {
		return budget{}, fmt.Errorf("%w (only Linux has it)", err)
	}
	if err != nil {
		return budget{}, err
	}
	total, okTotal := field(text, "MemTotal:")
	available, okAvailable := field(text, "MemAvailable:")
	if !okTotal || !okAvailable || total == 0 || available > total {
		return budget{}, fmt.Errorf("/%s has no sound MemTotal and MemAvailable", name)
	}
	total, available = total<<10, available<<10
	return budget{what: "machine's " + size(total), used: total - available, total: total}, nil
}

// cgroup is the path of this process's cgroup of version 2, from "/" on. It is
// empty where there are none.
func (f files) cgroup() string {
	text, err := f.read("proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(text) {
		if group, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return path.Clean("/" + group)
		}
	}
	return ""
}

// parent is the cgroup above, and empty above the root.
func parent(group string) string {
	if group == "/" {
		return ""
	}
	return path.Dir(group)
}

// limit is the lower limit of one cgroup. Its total is zero when it has none,
// as the root has none.
func (f files) limit(group string) (budget, error) {
	dir := path.Join("sys/fs/cgroup", group)
	b := budget{}
	for _, name := range []string{"memory.max", "memory.high"} {
		text, err := f.read(path.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return budget{}, err
		}
		text = strings.TrimSpace(text)
		if text == "max" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return budget{}, fmt.Errorf("%s of cgroup %s is %q, not a number", name, group, text)
		}
		if n > 0 && (b.total == 0 || n < b.total) {
			b.total = n
			b.what = fmt.Sprintf("%s limit (%s of cgroup %s)", size(n), name, group)
		}
	}
	if b.total == 0 {
		return budget{}, nil
	}
	var err error
	b.used, err = f.used(dir)
	return b, err
}

// reclaimable are the fields of memory.stat that the kernel takes back before
// it lacks memory: caches of files, of which tmpfs and shared memory are no
// part, and of what the filesystem knows of them. Both lists of files count. To
// leave out one alone turns servers red that merely read much, see
// https://github.com/kubernetes/kubernetes/issues/43916.
var reclaimable = []string{"inactive_file", "active_file", "slab_reclaimable"}

// used is what a cgroup uses and can't give back.
func (f files) used(dir string) (uint64, error) {
	text, err := f.read(path.Join(dir, "memory.current"))
	if err != nil {
		return 0, err
	}
	used, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/%s/memory.current is %q, not a number", dir, strings.TrimSpace(text))
	}
	text, err = f.read(path.Join(dir, "memory.stat"))
	if err != nil {
		return 0, err
	}
	for _, name := range reclaimable {
		n, ok := field(text, name)
		if !ok {
			return 0, fmt.Errorf("/%s/memory.stat has no sound %s", dir, name)
		}
		used -= min(used, n) // the files aren't of the same moment
	}
	return used, nil
}

// errNoPressure is the error of a kernel that keeps no figures.
var errNoPressure = errors.New("this kernel keeps none (PSI is not built in, or off)")

// pressure reads how long programs waited for memory: those of this process's
// cgroup, or else all of the machine.
func (f files) pressure() (pressure, error) {
	names := []string{"proc/pressure/memory"}
	if group := f.cgroup(); group != "" {
		names = []string{path.Join("sys/fs/cgroup", group, "memory.pressure"), names[0]}
	}
	for _, name := range names {
		text, err := f.read(name)
		// With psi=0 on the kernel's command line the file is there, and can't be read.
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
			continue
		}
		if err != nil {
			return pressure{}, err
		}
		p, err := parsePressure(text)
		if err != nil {
			return pressure{}, fmt.Errorf("/%s: %w", name, err)
		}
		return p, nil
	}
	return pressure{}, errNoPressure
}

// parsePressure reads two lines such as
// "full avg10=0.00 avg60=0.00 avg300=0.00 total=0".
func parsePressure(text string) (pressure, error) {
	var p pressure
	for _, line := range []struct {
		begin string
		into  *float64
	}{{"some avg10=", &p.some}, {"full avg10=", &p.full}} {
		_, rest, ok := strings.Cut("\n"+text, "\n"+line.begin)
		number, _, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || !(n >= 0 && n <= 100) {
			return pressure{}, fmt.Errorf("no line that begins %q and a percentage", line.begin)
		}
		*line.into = n
	}
	return p, nil
}

// field finds the number after a name at the begin of a line.
func field(text, name string) (uint64, bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != name {
			continue
		}
		n, err := strconv.ParseUint(fields[1], 10, 64)
		return n, err == nil
	}
	return 0, false
}

// size shows a number of bytes in the unit that suits it.
func size(n uint64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return strconv.FormatUint(n, 10) + " bytes"
	}
	f := float64(n) / (1 << 10)
	unit := 0
	for f >= 999.5 { // three digits are shown
		f /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.3g %ciB", f, units[unit])
}
