//go:build go1.19

#include "textflag.h"

TEXT ·controller(SB), NOSPLIT, $0-8
	MOVD $runtime·gcController(SB), R0
	MOVD R0, ret+0(FP)
	RET
