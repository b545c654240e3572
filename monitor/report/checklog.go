// Checks an exported log with Go's own note and tlog packages, independently of the program:
// the checkpoint's signature, every hash of every tile, and an inclusion proof of some entries.
//
//	checklog DIRECTORY VERIFIER-KEY
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type directory string

func (d directory) Height() int { return height }

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		// tlog names the height of the tiles in their path; tlog-tiles fixes it at 8.
		name := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		hashes, err := os.ReadFile(filepath.Join(string(d), name))
		if err != nil {
			return nil, err
		}
		read = append(read, hashes)
	}
	return read, nil
}

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n<<height < size; n++ {
		width := 1 << height
		if rest := size - n<<height; rest < int64(width) {
			width = int(rest)
		}
		path := tlog.Tile{H: height, L: -1, N: n, W: width}.Path()
		name := "tile/entries/" + strings.TrimPrefix(path, "tile/8/data/")
		bundle, err := os.ReadFile(filepath.Join(string(d), name))
		if err != nil {
			return nil, err
		}
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	return all, nil
}

func check(d directory, vkey string) (int64, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, err
	}
	raw, err := os.ReadFile(filepath.Join(string(d), "checkpoint"))
	if err != nil {
		return 0, err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return 0, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return 0, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return 0, err
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return size, checkEntries(d, tree)
}

func checkEntries(d directory, tree tlog.Tree) error {
	entries, err := d.entries(tree.N)
	if err != nil {
		return err
	}
	if int64(len(entries)) != tree.N {
		return fmt.Errorf("%d entries in a log of %d", len(entries), tree.N)
	}
	reader := tlog.TileHashReader(tree, d)
	for index, entry := range entries {
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
		if err != nil {
			return err
		}
		if hashes[0] != tlog.RecordHash(entry) {
			return fmt.Errorf("entry %d is not in its tile", index)
		}
		if index%37 != 0 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, int64(index), reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), hashes[0]); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	size, err := check(directory(os.Args[1]), os.Args[2])
	if err != nil {
		fmt.Println("wrong:", err)
		os.Exit(1)
	}
	fmt.Println("good:", size)
}
