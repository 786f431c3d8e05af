package main

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

func ioWaits() []wait {
	return []wait{
		{waitTCPAccept, ioWait},
		{waitTCPRead, ioWait},
		{waitTCPReadDeadline, ioWait},
		{waitTCPWrite, ioWait},
		{waitTCPSecondReader, []string{"semacquire"}},
		{waitUDPRead, ioWait},
		{waitUnixAccept, ioWait},
		{waitUnixRead, ioWait},
		{waitPipeRead, ioWait},
		{waitPipeWrite, ioWait},
		{waitIOPipe, sel},
	}
}

// describe prints what the kernel calls the connection.
func describe(name string, c syscall.Conn) {
	raw, err := c.SyscallConn()
	truth.Check(err)
	truth.Check(raw.Control(func(fd uintptr) { truth.Set(name+".fd", fd) }))
	if conn, ok := c.(net.Conn); ok {
		truth.Set(name+".local", conn.LocalAddr())
		if conn.RemoteAddr() != nil {
			truth.Set(name+".remote", conn.RemoteAddr())
		}
	}
}

// connect returns both ends of a connection.
func connect(network, address string) (client, server net.Conn) {
	l, err := net.Listen(network, address)
	truth.Check(err)
	defer l.Close()
	client, err = net.Dial(network, l.Addr().String())
	truth.Check(err)
	server, err = l.Accept()
	truth.Check(err)
	return client, server
}

func waitTCPAccept() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	truth.Set("tcpaccept.local", l.Addr())
	describe("tcpaccept", l.(*net.TCPListener))
	enter("tcpaccept", nil)
	l.Accept()
}

// shared is read by waitTCPRead and, behind it, by waitTCPSecondReader.
var shared net.Conn

func waitTCPRead() {
	c, s := connect("tcp", "127.0.0.1:0")
	shared = c
	keep(s)
	describe("tcpread", c.(*net.TCPConn))
	enter("tcpread", nil)
	c.Read(make([]byte, 16))
}

// waitTCPSecondReader waits for the first reader of the connection, in
// internal/poll's fdMutex.
func waitTCPSecondReader() {
	enter("tcpsecondreader", nil)
	shared.Read(make([]byte, 16))
}

func waitTCPReadDeadline() {
	c, s := connect("tcp", "127.0.0.1:0")
	keep(s)
	truth.Check(c.SetReadDeadline(time.Now().Add(far)))
	truth.Set("tcpdeadline.deadline", monotonic()+int64(far))
	describe("tcpdeadline", c.(*net.TCPConn))
	enter("tcpdeadline", nil)
	c.Read(make([]byte, 16))
}

// waitTCPWrite fills the buffers of both ends.
func waitTCPWrite() {
	c, s := connect("tcp", "127.0.0.1:0")
	keep(s)
	describe("tcpwrite", c.(*net.TCPConn))
	enter("tcpwrite", nil)
	buf := make([]byte, 1<<20)
	for {
		if _, err := c.Write(buf); err != nil {
			truth.Fatal("write: %v", err)
		}
	}
}

func waitUDPRead() {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	truth.Check(err)
	describe("udpread", c.(*net.UDPConn))
	enter("udpread", nil)
	c.ReadFrom(make([]byte, 16))
}

func waitUnixAccept() {
	l, err := net.Listen("unix", "accept.sock")
	truth.Check(err)
	describe("unixaccept", l.(*net.UnixListener))
	enter("unixaccept", nil)
	l.Accept()
}

func waitUnixRead() {
	c, s := connect("unix", "read.sock")
	keep(s)
	describe("unixread", c.(*net.UnixConn))
	enter("unixread", nil)
	c.Read(make([]byte, 16))
}

func waitPipeRead() {
	r, w, err := os.Pipe()
	truth.Check(err)
	keep(w)
	describe("piperead", r)
	enter("piperead", nil)
	r.Read(make([]byte, 16))
}

func waitPipeWrite() {
	r, w, err := os.Pipe()
	truth.Check(err)
	keep(r)
	describe("pipewrite", w)
	enter("pipewrite", nil)
	buf := make([]byte, 1<<20)
	for {
		if _, err := w.Write(buf); err != nil {
			truth.Fatal("write: %v", err)
		}
	}
}

// waitIOPipe waits in package io's pipe, which is made of channels.
func waitIOPipe() {
	r, w := io.Pipe()
	keep(w)
	enter("iopipe", r)
	r.Read(make([]byte, 16))
}
