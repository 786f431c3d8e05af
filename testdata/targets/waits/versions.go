package main

// versionWaits are the waits that need a newer Go than 1.18.
func versionWaits() []wait {
	var list []wait
	for _, more := range [][]wait{waits123(), waits125()} {
		list = append(list, more...)
	}
	return list
}
