package diskcheck

import "os"

// write proves that a file can be made in dir and reaches the disk. The file
// loses its name before it is written through, since that is where a sick disk
// hangs: a program that is killed there leaves nothing behind.
func write(dir string) error {
	file, err := os.CreateTemp(dir, ".inservice-check-*")
	if err != nil {
		return err
	}
	defer file.Close() // what it could tell, Sync has told
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	if _, err := file.WriteString("inservice checks that this disk can be written to\n"); err != nil {
		return err
	}
	return file.Sync()
}
