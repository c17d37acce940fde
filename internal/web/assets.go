package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets/*
var assetFiles embed.FS

// assets are the files that everybody may read, by the name under which they are
// served, which changes with their content: browsers may keep them for ever.
type assets struct {
	files map[string]asset
	names map[string]string // by the name in the source
}

type asset struct {
	kind, tag string
	plain     []byte
	gzipped   []byte // nil: not worth it
}

// read takes the files below assets/ in.
func (a assets) read(from fs.FS) error {
	entries, err := fs.ReadDir(from, "assets")
	if err != nil {
		return fmt.Errorf("web: %w", err)
	}
	for _, e := range entries {
		content, err := fs.ReadFile(from, "assets/"+e.Name())
		if err != nil {
			return fmt.Errorf("web: %w", err)
		}
		if a.names[e.Name()] != "" {
			return fmt.Errorf("web: two assets %q", e.Name())
		}
		sum := sha256.Sum256(content)
		kind, tag := path.Ext(e.Name()), hex.EncodeToString(sum[:6])
		name := strings.TrimSuffix(e.Name(), kind) + "-" + tag + kind
		one := asset{kind: mime.TypeByExtension(kind), tag: tag, plain: content}
		if text := pressed(content); len(text) < len(content)*9/10 { // pictures are compressed already
			one.gzipped = text
		}
		a.files[name], a.names[e.Name()] = one, name
	}
	return nil
}

func pressed(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // fails on an unknown level only
	_, _ = z.Write(content)                               // into memory
	_ = z.Close()
	return b.Bytes()
}

func (a assets) address(name string) (string, error) {
	if a.names[name] == "" {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/assets/" + a.names[name], nil
}

// asset serves one, compressed if the browser takes it so.
func (v *Visit) asset() {
	one, ok := v.frame.assets.files[v.Request.PathValue("name")]
	if !ok {
		v.Fail(http.StatusNotFound)
		return
	}
	head := v.Writer.Header()
	head.Set("Content-Type", one.kind)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	content, tag := one.plain, one.tag
	if one.gzipped != nil {
		head.Set("Vary", "Accept-Encoding")
		if takesGzip(v.Request) {
			content, tag = one.gzipped, one.tag+"-gzip"
			head.Set("Content-Encoding", "gzip")
		}
	}
	head.Set("ETag", `"`+tag+`"`) // for a browser that asks all the same
	http.ServeContent(v.Writer, v.Request, "", time.Time{}, bytes.NewReader(content))
}
