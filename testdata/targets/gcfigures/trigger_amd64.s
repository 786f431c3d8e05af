//go:build go1.19

#include "textflag.h"

TEXT ·controller(SB), NOSPLIT, $0-8
	LEAQ runtime·gcController(SB), AX
	MOVQ AX, ret+0(FP)
	RET
