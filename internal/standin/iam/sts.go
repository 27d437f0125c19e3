package iam

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type callerIdentity struct {
	Account string
	Arn     string
	UserID  string `xml:"UserId"`
}

// answerSTS answers GetCallerIdentity and refuses everything else.
func (s *Service) answerSTS(q request) (any, error) {
	if q.call.Operation != "GetCallerIdentity" {
		return nil, wire.NotImplemented("sts %s", q.call.Operation)
	}
	if isKeyID(q.signingKeyID()) {
		return s.authenticateUser(q)
	}
	name := q.call.Caller
	if name == "" {
		name = "somebody"
	}
	return callerIdentity{q.call.Account, "arn:" + manifest.PartitionOf(q.call.Region) + ":sts::" + q.call.Account + ":assumed-role/" + name + "/session", "AROASTANDIN:" + name}, nil
}

// authenticateUser proves that a caller holds an access key of a user that is seen to be active, and notes the use.
func (s *Service) authenticateUser(q request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[q.signingKeyID()]
	if k == nil || k.statusAt(s.now().Add(-s.lag.Keys)) != Active {
		return nil, &wire.Error{Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: http.StatusForbidden}
	}
	if !k.verifySignature(q) {
		return nil, &wire.Error{Code: "SignatureDoesNotMatch", Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.", Status: http.StatusForbidden}
	}
	s.noteUse(k, "sts", q.call.Region)
	return callerIdentity{k.owner.Account, k.owner.userARN(), k.owner.id}, nil
}

// verifySignature signs the request again, with what was signed of it, and compares. When it was signed does not
// matter: clients sign by the clock on the wall.
func (k *key) verifySignature(q request) bool {
	at, err := time.Parse("20060102T150405Z", q.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	again, err := http.NewRequestWithContext(q.Context(), q.Method, "http://"+q.Host+q.URL.RequestURI(), http.NoBody)
	if err != nil {
		return false
	}
	again.ContentLength = int64(len(q.body))
	_, names, _ := strings.Cut(q.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	for name := range strings.SplitSeq(names, ";") {
		if value := q.Header.Get(name); value != "" {
			again.Header.Set(name, value)
		}
	}
	sum := sha256.Sum256(q.body)
	err = v4.NewSigner().SignHTTP(q.Context(), aws.Credentials{AccessKeyID: k.id, SecretAccessKey: k.secret}, again, hex.EncodeToString(sum[:]), "sts", q.call.Region, at)
	return err == nil && again.Header.Get("Authorization") == q.Header.Get("Authorization")
}
