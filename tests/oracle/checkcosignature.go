// Checks a cosigned checkpoint with Go's own note package: the log's signature by its stock
// verifier, the witness's (C2SP tlog-cosignature, cosignature/v1) by the few lines below.
//
//	checkcosignature CHECKPOINT LOG-KEY WITNESS-KEY
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	cosignature = 4
	timeBytes   = 8
)

type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

func (w *witness) Verify(text, signature []byte) bool {
	if len(signature) != timeBytes+ed25519.SignatureSize {
		return false
	}
	w.time = binary.BigEndian.Uint64(signature)
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", w.time)), text...)
	return ed25519.Verify(w.key, signed, signature[timeBytes:])
}

func parse(vkey string) (*witness, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("not a verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if len(key) != 1+ed25519.PublicKeySize || key[0] != cosignature {
		return nil, fmt.Errorf("not a key for cosignatures")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, fmt.Errorf("the key's name and hash do not fit")
	}
	return &witness{name: parts[0], hash: hash, key: key[1:]}, nil
}

func check(path, log, vkey string) (uint64, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	verifier, err := note.NewVerifier(log)
	if err != nil {
		return 0, err
	}
	cosigner, err := parse(vkey)
	if err != nil {
		return 0, err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier, cosigner))
	if err != nil {
		return 0, err
	}
	if len(opened.Sigs) != 2 {
		return 0, fmt.Errorf("%d of 2 signatures", len(opened.Sigs))
	}
	return cosigner.time, nil
}

func main() {
	time, err := check(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Println("wrong:", err)
		os.Exit(1)
	}
	fmt.Println("good:", time)
}
