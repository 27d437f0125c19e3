package servertest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"
)

// findNobody returns the user that servers run as where the test runs as root, and whether that is so.
func findNobody() (credential *syscall.Credential, wanted bool) {
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

// setProcessAttributes makes cmd run without privileges, and end when this process does.
func setProcessAttributes(cmd *exec.Cmd, end os.Signal) {
	credential, _ := findNobody()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Pdeathsig: end.(syscall.Signal), Setpgid: true}
}

// Give gives a file or folder to the user that servers run as.
func Give(t testing.TB, name string) {
	t.Helper()
	credential, wanted := findNobody()
	if !wanted {
		return
	}
	if err := os.Lchown(name, int(credential.Uid), int(credential.Gid)); err != nil {
		t.Fatal(err)
	}
}
