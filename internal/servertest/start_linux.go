package servertest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"
)

// nobody is the user of a server where the test runs as root, whom servers refuse to run as.
func nobody() (credential *syscall.Credential, wanted bool) {
	if os.Geteuid() != 0 {
		return nil, false
	}
	id := uint64(65534)
	if u, err := user.Lookup("nobody"); err == nil {
		if n, err := strconv.ParseUint(u.Uid, 10, 32); err == nil {
			id = n
		}
	}
	return &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}, true
}

// prepare makes cmd run without privileges, and end when this process does.
func prepare(cmd *exec.Cmd, end os.Signal) {
	credential, _ := nobody()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Pdeathsig: end.(syscall.Signal), Setpgid: true}
}

// Give gives a file or folder to the user that servers run as.
func Give(t testing.TB, name string) {
	t.Helper()
	credential, wanted := nobody()
	if !wanted {
		return
	}
	if err := os.Lchown(name, int(credential.Uid), int(credential.Gid)); err != nil {
		t.Fatal(err)
	}
}
