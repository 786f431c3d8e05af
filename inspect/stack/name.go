package stack

import (
	"strings"

	"rtdbg/inspect/pcln"
)

// FuncNameForPrint returns a symbol name as the runtime of Go 1.minor prints
// it in tracebacks: type arguments become "...", runtime.gopanic becomes
// panic. It mirrors printFuncName and funcNamePiecesForPrint
// (runtime/traceback.go). Before Go 1.21 the linker shortened the names.
func FuncNameForPrint(name string, minor int) string {
	if name == "runtime.gopanic" {
		return "panic"
	}
	if minor < 21 {
		return name
	}
	i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if i < 0 || j <= i {
		return name
	}
	const args = "[...]"
	interior := name[i+1 : j]
	if minor < 27 || strings.IndexByte(interior, '[') < 0 {
		return name[:i] + args + name[j+1:]
	}
	// Go 1.27 has generic methods of generic types: T[...].m[...].
	rbr, lbr, depth := splitBrackets(interior)
	switch {
	case depth == 1 && rbr >= 0 && lbr > rbr:
		return name[:i] + args + interior[rbr+1:lbr] + args + name[j+1:]
	case depth == 1 && rbr < 0 && lbr < 0:
		return name[:i] + args + name[j+1:]
	}
	return name // not balanced
}

// splitBrackets looks in the text between the first '[' and the last ']' of
// a name for the ']' that closes the first and the '[' that opens the last,
// and returns the depth where the search ended.
func splitBrackets(interior string) (rbr, lbr, depth int) {
	rbr, lbr, depth = -1, -1, 1
	for k := 0; k < len(interior); k++ {
		switch interior[k] {
		case '[':
			if depth++; depth == 1 {
				return rbr, k, depth
			}
		case ']':
			if depth--; depth < 0 {
				return rbr, lbr, depth
			}
			if depth == 0 {
				rbr = k
			}
		}
	}
	return rbr, lbr, depth
}

// showFunc reports whether tracebacks below level 2 show a logical frame:
// not wrappers, not the runtime's own functions (runtime.showfuncinfo).
// callee is the function that the frame called.
func showFunc(name string, id pcln.FuncID, first bool, callee pcln.FuncID) bool {
	if id == pcln.FuncIDWrapper && elideWrapperCalling(callee) {
		return false
	}
	if id == pcln.FuncIDRunFinalizers || id == pcln.FuncIDRunCleanups {
		return true
	}
	if name == "runtime.gopanic" && !first {
		return true
	}
	return strings.IndexByte(name, '.') >= 0 && (!strings.HasPrefix(name, "runtime.") || isExportedRuntime(name))
}

// elideWrapperCalling mirrors the runtime's: a wrapper that called the
// panicking machinery instead of what it wraps is shown.
func elideWrapperCalling(id pcln.FuncID) bool {
	return id != pcln.FuncIDGopanic && id != pcln.FuncIDSigpanic && id != pcln.FuncIDPanicwrap
}

// isExportedRuntime reports whether name is an exported function of package
// runtime, or an exported method of an exported type.
func isExportedRuntime(name string) bool {
	name = strings.TrimPrefix(name, "runtime.")
	rcvr := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		rcvr, name = name[:i], name[i+1:]
		if len(rcvr) >= 3 && rcvr[0] == '(' && rcvr[1] == '*' && rcvr[len(rcvr)-1] == ')' {
			rcvr = rcvr[2 : len(rcvr)-1]
		}
	}
	return startsUpper(name) && (rcvr == "" || startsUpper(rcvr))
}

func startsUpper(s string) bool { return s != "" && 'A' <= s[0] && s[0] <= 'Z' }
