package diskcheck

import "syscall"

// readOnlyFlag is ST_RDONLY of statfs(2).
const readOnlyFlag = 1

// statfs asks the kernel. It may hang; see the package comment.
func statfs(path string) (usage, error) {
	var st syscall.Statfs_t
	err := syscall.Statfs(path, &st)
	for err == syscall.EINTR {
		err = syscall.Statfs(path, &st)
	}
	if err != nil {
		return usage{}, err
	}
	unit := uint64(st.Frsize)
	if unit == 0 { // older filesystems have one size of block only
		unit = uint64(st.Bsize)
	}
	used := st.Blocks - st.Bfree
	return usage{
		// What is kept for root is neither used nor free to others.
		bytes:    share{total: (used + st.Bavail) * unit, free: st.Bavail * unit},
		inodes:   share{total: st.Files, free: st.Ffree},
		readOnly: st.Flags&readOnlyFlag != 0,
	}, nil
}
