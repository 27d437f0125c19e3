package standin

import (
	"net/http"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// ServeAWS answers any AWS service's request at one address, as AWS_ENDPOINT_URL wants it. The signature names the
// region; an access key id of twelve digits names the account.
func (w *World) ServeAWS(rw http.ResponseWriter, r *http.Request) {
	target, _ := wire.SplitTarget(r)
	if target == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		w.IAM.ServeHTTP(rw, r)
		return
	}
	caller := wire.Caller(r)
	region := w.Region(caller.Account, caller.Region)
	for _, service := range region.services {
		if service.Target == target {
			service.ServeCall(w.Tap, w.Clock, rw, r)
			return
		}
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/schedules"):
		region.Bus.Scheduler().ServeHTTP(rw, r)
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/"):
		region.Lambda.ServeHTTP(rw, r)
	default:
		wire.WriteError(w.Clock, rw, wire.NotImplemented("%s %s %s", r.Method, r.URL.Path, r.Header.Get("X-Amz-Target")))
	}
}
