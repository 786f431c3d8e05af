package scripts_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/repl/repltest"
	"rtdbg/inspect/star"
)

// listing is a case of a script that lists objects of the target program.
type listing struct {
	name, script, program string
	// arg names the variable of the target whose address is the argument.
	arg string
	// keep finds the lines that are the same in every run.
	keep *regexp.Regexp
}

func listings() []listing {
	every := regexp.MustCompile(``)
	return []listing{
		// The runtime's own goroutine for signals may be there yet or not.
		{name: "chans", script: "chans", program: "pool", keep: regexp.MustCompile(`main\.|RECV`)},
		{name: "chans-one", script: "chans", program: "chanvalues", arg: "structs", keep: every},
		{name: "locks", script: "locks", program: "locks", keep: every},
		{name: "timers", script: "timers", program: "timers", keep: regexp.MustCompile(`goroutine|starts|never|"goid"|"start"|"never"|WHEN`)},
		{name: "netpoll", script: "netpoll", program: "network", keep: regexp.MustCompile(`tcp|unix|FD`)},
	}
}

// TestListings compares the listings with those that a person has read.
func TestListings(t *testing.T) {
	for _, l := range listings() {
		c := repltest.Program(t, l.program)
		p, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		in := star.New(p, star.Options{})
		g := golden{name: l.name, script: l.script}
		if l.arg != "" {
			g.args = []string{c.Vars.String(t, l.arg+".addr")}
		}
		for _, format := range []string{"text", "json"} {
			t.Run(l.name+"."+format, func(t *testing.T) {
				var kept []string
				for _, line := range lines(g.run(t, in, format)) {
					if line != "" && l.keep.MatchString(line) {
						kept = append(kept, maskListing(l.script, line))
					}
				}
				sortTies(kept)
				g.check(t, strings.Join(kept, ""), format)
			})
		}
	}
}

// waiting is by what listings are ordered.
var waiting = regexp.MustCompile(`^[0-9]+ |"waiting":[0-9]+`)

// sortTies puts lines that follow each other with equal numbers of waiters in
// order: theirs is that of their addresses.
func sortTies(lines []string) {
	for from := 0; from < len(lines); {
		to := from + 1
		key := waiting.FindString(lines[from])
		for to < len(lines) && key != "" && waiting.FindString(lines[to]) == key {
			to++
		}
		slices.Sort(lines[from:to])
		from = to
	}
}

var (
	port     = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	lastTime = regexp.MustCompile(`((exactly|about|at least|at most) )?([0-9.]+(h|m|s|ms|µs|ns))+ (left|overdue)`)
	timeNS   = regexp.MustCompile(`("[a-z_]*(when|in|deadline)_ns"):-?[0-9]+`)
	idList   = regexp.MustCompile(`("goids"|"readers"|"writers"):\[[0-9,]*\]|("goid"|"p"|"fd"):[0-9]+`)
	whoIs    = regexp.MustCompile(`goroutine [0-9]+`)
	ownerRec = regexp.MustCompile(`"owner":\{.*\]\}`)
	ownerCol = regexp.MustCompile(`  ([0-9]+( or [0-9]+ others,)? (proven|inferred|possible)|-)  `)
	lastIDs  = regexp.MustCompile(`(  |^goroutines: )[0-9]+( [0-9]+)*( … and [0-9]+ more)?$`)
	small    = regexp.MustCompile(`\b[0-9]+\b`)
)

// maskListing replaces what differs between runs: addresses, ports, ids, times,
// and who is thought to own a lock, which is not this test's to judge.
func maskListing(script, s string) string {
	s = strings.Trim(address.ReplaceAllString(s, "0xADDR"), " \n")
	s = port.ReplaceAllString(s, "HOST:PORT")
	s = lastTime.ReplaceAllString(s, "TIME $5")
	s = timeNS.ReplaceAllString(s, "$1:NS")
	s = idList.ReplaceAllString(s, "$1$2:ID")
	if script == "locks" {
		s = ownerRec.ReplaceAllString(s, `"owner":OWNER`)
		s = ownerCol.ReplaceAllString(s, "  OWNER  ")
	}
	s = whoIs.ReplaceAllString(s, "goroutine ID")
	s = lastIDs.ReplaceAllString(s, "${1}IDS")
	if script == "timers" || script == "netpoll" {
		s = small.ReplaceAllString(s, "N")
	}
	return blanks.ReplaceAllString(s, "$1  ") + "\n"
}
