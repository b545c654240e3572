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

// Where the log begins: the file "pruned" names the first entry that is left. It is a claim that
// only leaves entries out; those that are there lead to the signed root all the same.
func (d directory) first() (int64, error) {
	raw, err := os.ReadFile(filepath.Join(string(d), "pruned"))
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	first, err := strconv.ParseInt(strings.Fields(string(raw) + " x")[0], 10, 64)
	if err == nil && (first < 0 || first%(1<<height) != 0) {
		err = fmt.Errorf("no log begins at entry %d", first)
	}
	return first, err
}

func (d directory) entries(first, size int64) ([][]byte, error) {
	var all [][]byte
	for n := first >> height; n<<height < size; n++ {
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

func check(d directory, vkey string) (int64, int64, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, 0, err
	}
	raw, err := os.ReadFile(filepath.Join(string(d), "checkpoint"))
	if err != nil {
		return 0, 0, err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return 0, 0, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return 0, 0, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, 0, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return 0, 0, err
	}
	first, err := d.first()
	if err != nil {
		return 0, 0, err
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return size, first, checkEntries(d, tree, first)
}

func checkEntries(d directory, tree tlog.Tree, first int64) error {
	entries, err := d.entries(first, tree.N)
	if err != nil {
		return err
	}
	if first+int64(len(entries)) != tree.N {
		return fmt.Errorf("%d entries from %d on in a log of %d", len(entries), first, tree.N)
	}
	reader := tlog.TileHashReader(tree, d)
	for place, entry := range entries {
		index := first + int64(place)
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		if hashes[0] != tlog.RecordHash(entry) {
			return fmt.Errorf("entry %d is not in its tile", index)
		}
		if index%37 != 0 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hashes[0]); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	size, first, err := check(directory(os.Args[1]), os.Args[2])
	if err != nil {
		fmt.Println("wrong:", err)
		os.Exit(1)
	}
	if first > 0 {
		fmt.Printf("good: %d, from entry %d on\n", size, first)
		return
	}
	fmt.Println("good:", size)
}
