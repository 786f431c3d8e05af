package delve

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// The kernel's list of connections is read in pieces and can miss one while
// others come and go: it is read peerLooks times, settleStep apart.
const peerLooks = 5

// sameUser reports whether the other end of a connection within this host
// belongs to the user of this process, or to root. What can open a Unix socket
// was decided by its mode.
func sameUser(c net.Conn) bool {
	local, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return true
	}
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	for range peerLooks {
		if uid, ok := ownerOf(remote, local); ok {
			return uid == os.Getuid() || uid == 0
		}
		time.Sleep(settleStep)
	}
	return false
}

// ownerOf returns the user of the socket at local that is connected to remote,
// by /proc/net/tcp and tcp6 (proc_net(5)).
func ownerOf(local, remote *net.TCPAddr) (uid int, ok bool) {
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid …
			f := strings.Fields(line)
			if len(f) < 8 || !sameAddr(f[1], local) || !sameAddr(f[2], remote) {
				continue
			}
			if uid, err := strconv.Atoi(f[7]); err == nil {
				return uid, true
			}
		}
	}
	return 0, false
}

// sameAddr compares an address of the kernel's list: words of 4 bytes in the
// host's order, in hexadecimal, and the port.
func sameAddr(text string, a *net.TCPAddr) bool {
	words, port, ok := strings.Cut(text, ":")
	if !ok || port != fmt.Sprintf("%04X", a.Port) {
		return false
	}
	ip, err := hex.DecodeString(words)
	if err != nil || len(ip)%4 != 0 {
		return false
	}
	for i := 0; i < len(ip); i += 4 {
		binary.BigEndian.PutUint32(ip[i:], binary.NativeEndian.Uint32(ip[i:]))
	}
	return net.IP(ip).Equal(a.IP)
}
