// Asks Go's own notes and trees (golang.org/x/mod/sumdb) about ours: questions come as JSON on standard input, and for
// each an answer goes out, "ok" or the error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Kind  string
	Key   string
	Note  string
	Text  string
	Size  int64
	Root  tlog.Hash
	Index int64
	Leaf  tlog.Hash
	Entry []byte
	Old   int64
	Was   tlog.Hash
	Proof []tlog.Hash
	Path  string
	Level int
	Seed  string
}

func answer(q question) (string, error) {
	switch q.Kind {
	case "open":
		verifier, err := note.NewVerifier(q.Key)
		if err != nil {
			return "", err
		}
		opened, err := note.Open([]byte(q.Note), note.VerifierList(verifier))
		if err != nil {
			return "", err
		}
		return opened.Text, nil
	case "sign":
		signer, err := note.NewSigner(q.Seed)
		if err != nil {
			return "", err
		}
		signed, err := note.Sign(&note.Note{Text: q.Text}, signer)
		return string(signed), err
	case "hash":
		return tlog.RecordHash(q.Entry).String(), nil
	case "record":
		return "ok", tlog.CheckRecord(q.Proof, q.Size, q.Root, q.Index, q.Leaf)
	case "tree":
		return "ok", tlog.CheckTree(q.Proof, q.Size, q.Root, q.Old, q.Was)
	case "path":
		// Go's own paths bear the height of a tile, which C2SP's leave out.
		tile, err := tlog.ParseTilePath(strings.Replace(q.Path, "tile/", "tile/8/", 1))
		if err != nil {
			return "", err
		}
		return fmt.Sprint(tile.L, tile.N, tile.W), nil
	}
	return "", fmt.Errorf("unknown question %q", q.Kind)
}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	answers := make([]map[string]string, len(questions))
	for i, q := range questions {
		said, err := answer(q)
		if err != nil {
			answers[i] = map[string]string{"error": err.Error()}
		} else {
			answers[i] = map[string]string{"said": said}
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
