package graph

// components calls f with each strongly connected component of more than one
// node of the network without the removed nodes and the edges below a grade
// (Tarjan, without recursion). The slice is valid during the call.
func (n *network) components(least uint8, removed []bool, f func(nodes []int32)) {
	const unseen = -1
	index := make([]int32, n.nodes())
	low := make([]int32, n.nodes())
	onStack := make([]bool, n.nodes())
	at := make([]int32, n.nodes()) // the next edge of each node to follow
	for i := range index {
		index[i] = unseen
	}
	var stack, path []int32
	var count int32
	enter := func(v int32) {
		index[v], low[v], at[v] = count, count, n.start[v]
		count++
		stack, path, onStack[v] = append(stack, v), append(path, v), true
	}
	for root := range int32(n.nodes()) {
		if index[root] != unseen || removed[root] {
			continue
		}
		enter(root)
		for len(path) > 0 {
			v := path[len(path)-1]
			if e := at[v]; e < n.start[v+1] {
				at[v]++
				w := n.to[e]
				switch {
				case n.grade[e] < least || removed[w]:
				case index[w] == unseen:
					enter(w)
				case onStack[w]:
					low[v] = min(low[v], index[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				u := path[len(path)-1]
				low[u] = min(low[u], low[v])
			}
			if low[v] == index[v] {
				stack = pop(stack, v, onStack, f)
			}
		}
	}
}

// pop takes the component that ends with v off the stack.
func pop(stack []int32, v int32, onStack []bool, f func(nodes []int32)) []int32 {
	i := len(stack) - 1
	for stack[i] != v {
		i--
	}
	for _, w := range stack[i:] {
		onStack[w] = false
	}
	if len(stack)-i > 1 {
		f(stack[i:])
	}
	return stack[:i]
}
