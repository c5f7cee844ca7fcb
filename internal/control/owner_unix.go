//go:build unix

package control

import (
	"io/fs"
	"syscall"
)

// permissionsCount is whether the bits of a file's mode say who may write to it.
const permissionsCount = true

// ownerOf is the user a file belongs to.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
