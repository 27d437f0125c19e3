package ecs

import (
	"slices"
	"time"
)

// How long a stage takes by itself. AWS promises nothing; a bake time comes on top where there is one.
const (
	stageTime        = time.Second
	trafficShiftTime = 5 * time.Second
)

// stage is one stage of a shift as it is going to be.
type stage struct {
	name   string
	lasts  time.Duration // at least
	weight float64       // the target's share of the production traffic from then on
}

// shift is the way of a service deployment that runs two revisions side by side and moves the traffic from one to the
// other. Both run all their tasks until the end of the bake time; then the tasks of the sources stop.
// Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html,
// canary-deployment.html, linear-deployment.html there
type shift struct {
	stages []stage
	at     int         // index of the present one
	timeUp bool        // the present one has lasted
	hooks  []*hookRun  // of the present one
	test   float64     // the target's share of the test traffic
	source *deployment // what completed last: its tasks are replaced when they stop, and the traffic can return to it
}

// listStages returns the stages of a deployment that is configured so. RECONCILE_SERVICE comes only where more than one
// revision is ACTIVE when it begins (API_ServiceDeployment).
func (c deploymentConfiguration) listStages(sources int) []stage {
	all := []stage{
		{preScaleUpStage, stageTime, 0}, {scaleUpStage, 0, 0}, {postScaleUpStage, stageTime, 0},
		{testShiftStage, trafficShiftTime, 0}, {postTestShiftStage, stageTime, 0},
	}
	if sources > 1 {
		all = append([]stage{{reconcileStage, trafficShiftTime, 0}}, all...)
	}
	before := 0.0
	for _, step := range c.trafficSteps() { // both stages come at every step
		all = append(all, stage{preProductionStage, stageTime, before}, stage{productionShiftStage, trafficShiftTime + step.bake, step.percent})
		before = step.percent
	}
	return append(all, stage{postProductionStage, stageTime, 100}, stage{bakeTimeStage, minutes(intOr(c.BakeTimeInMinutes, 0)), 100}, stage{cleanUpStage, 0, 100})
}

// present returns the stage that a shift is in.
func (sh *shift) present() stage { return sh.stages[sh.at] }

// hasScaledUp reports whether the target's tasks may start: PRE_SCALE_UP is over.
func (sh *shift) hasScaledUp() bool {
	return sh.at >= slices.IndexFunc(sh.stages, func(st stage) bool { return st.name == scaleUpStage })
}

// isShifting reports whether a service deployment runs its target beside its sources.
func (sd *serviceDeployment) isShifting() bool {
	return sd != nil && sd.shift != nil && sd.finished.IsZero() && sd.rollback == nil && sd.shift.present().name != cleanUpStage
}

// beginShift begins the first stage of a service deployment.
func (s *Service) beginShift(sv *service, sd *serviceDeployment, source *deployment) {
	sd.shift = &shift{stages: sd.configuration.listStages(len(sd.sources)), source: source}
	s.enterStage(sv, sd)
}

// enterStage begins the stage that a shift has come to: its hooks, and its time.
func (s *Service) enterStage(sv *service, sd *serviceDeployment) {
	sh := sd.shift
	st, at := sh.present(), sh.at
	sd.updated, sh.timeUp, sh.hooks = s.now(), false, nil
	if st.name == testShiftStage {
		sh.test = 100
	}
	for _, h := range sd.configuration.LifecycleHooks {
		if slices.Contains(h.LifecycleStages, st.name) {
			s.beginHook(sv, sd, h)
		}
	}
	s.runLockedAfter(st.lasts, "ecs: "+st.name+" of "+sv.name, func() {
		if sh.at == at && sd.isShifting() {
			sh.timeUp = true
			s.leaveStage(sv, sd)
		}
	})
}

// leaveStage goes on to the next stage as soon as the present one has lasted, its hooks have succeeded, and, in SCALE_UP,
// every task of the target runs.
func (s *Service) leaveStage(sv *service, sd *serviceDeployment) {
	sh := sd.shift
	scaling := sh.present().name == scaleUpStage && len(s.tasksInPhase(sv.primaryDeployment(), running)) < sv.desired
	if !sd.isShifting() || !sh.timeUp || scaling || slices.ContainsFunc(sh.hooks, (*hookRun).isOpen) {
		return
	}
	if sh.at++; sh.present().name != cleanUpStage {
		s.enterStage(sv, sd)
	}
	sd.updated = s.now()
	s.reconcileService(sv)
}

// reconcileShift keeps the tasks of the target, once it scales up, and those of the source at the desired count.
func (s *Service) reconcileShift(sv *service, sd *serviceDeployment) {
	if sd.shift.hasScaledUp() {
		s.keepTasks(sv, sv.primaryDeployment(), sv.desired)
	}
	s.keepTasks(sv, sd.shift.source, sv.desired)
	s.leaveStage(sv, sd)
}

// keepTasks brings a deployment's tasks one step closer to a count.
func (s *Service) keepTasks(sv *service, d *deployment, desired int) {
	up := s.tasksInPhase(d, running)
	if len(up) < desired {
		if len(s.tasksInPhase(d, starting)) == 0 && !s.now().Before(d.notBefore) {
			s.launchTask(sv, d)
		}
		return
	}
	for _, t := range up[desired:] {
		s.drainTask(sv, t)
	}
}

// returnTraffic gives the traffic back to the source, whose tasks run, and then stops the target's.
func (s *Service) returnTraffic(sv *service, sd *serviceDeployment, why string) {
	source, target := sd.shift.source, sv.primaryDeployment()
	s.setRolloutState(sv, target, "FAILED", why)
	target.status = "ACTIVE"
	for _, t := range s.tasksInPhase(target, starting) {
		s.finishTask(t, "ServiceSchedulerInitiated", "Deployment "+target.id+" is rolled back")
	}
	sv.moveToFront(source)
	source.status, source.of = "PRIMARY", sd
	s.setRolloutState(sv, source, "IN_PROGRESS", why)
	s.runLockedAfter(trafficShiftTime, "ecs returns the traffic of "+sv.name, func() { s.reconcileService(sv) })
}

// SetAlarm puts a CloudWatch alarm into the ALARM state: each service deployment in progress that it watches fails, and
// is rolled back where its configuration says so. Blue/green deployments watch through all stages, the bake time too.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
func (s *Service) SetAlarm(name string) {
	defer s.lockAndEmit()()
	for _, sv := range s.listOwnServices() {
		sd := sv.newestAttempt()
		if sd == nil || sd.status != "IN_PROGRESS" {
			continue
		}
		if a := sd.configuration.Alarms; a != nil && a.Enable && slices.Contains(a.AlarmNames, name) {
			sd.triggered = append(sd.triggered, name)
			s.failDeployment(sv, a.Rollback, "Service deployment rolled back because of a CloudWatch alarm: "+name+".")
		}
	}
}

// failDeployment rolls the newest service deployment back, or stops it where it is.
func (s *Service) failDeployment(sv *service, rollback bool, why string) {
	sd, p := sv.newestAttempt(), sv.primaryDeployment()
	if rollback && sv.completed != nil && sv.completed != p.revision {
		s.rollBack(sv, why)
		return
	}
	s.setRolloutState(sv, p, "FAILED", why)
	sd.setFinalStatus(s.now(), "STOPPED", why)
}
