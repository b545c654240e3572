// Checks one entry's proof (C2SP tlog-proof) with Go's own note and tlog packages.
//
//	checkproof PROOF ENTRY VERIFIER-KEY
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func hash(line string) (tlog.Hash, error) {
	var hash tlog.Hash
	raw, err := base64.StdEncoding.DecodeString(line)
	if err == nil && len(raw) != len(hash) {
		err = fmt.Errorf("a hash of %d bytes", len(raw))
	}
	copy(hash[:], raw)
	return hash, err
}

func tree(checkpoint, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = hash(lines[2])
	return tree, err
}

func check(proof, entry, vkey string) (int64, error) {
	raw, err := os.ReadFile(proof)
	if err != nil {
		return 0, err
	}
	head, checkpoint, _ := strings.Cut(string(raw), "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, fmt.Errorf("not a proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return 0, err
	}
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		one, err := hash(line)
		if err != nil {
			return 0, err
		}
		path = append(path, one)
	}
	head1, err := tree(checkpoint, vkey)
	if err != nil {
		return 0, err
	}
	record, err := os.ReadFile(entry)
	if err != nil {
		return 0, err
	}
	return index, tlog.CheckRecord(path, head1.N, head1.Hash, index, tlog.RecordHash(record))
}

func main() {
	index, err := check(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Println("wrong:", err)
		os.Exit(1)
	}
	fmt.Println("good:", index)
}
