// With an assembly file in the package, the compiler accepts procPin without a body.
