package main

import (
	"context"
	"encoding/hex"
	"errors"

	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// drop takes claims back: of a run, or on objects.
func (k *claiming) drop(ctx context.Context) error {
	ids := make([]duplicates.GUID, len(k.objects))
	for i, word := range k.objects {
		if err := ids[i].UnmarshalText([]byte(word)); err != nil {
			return usageError(k.says.noObject, word)
		}
	}
	done, kept := 0, 0
	tell := func(d queue.Decision, err error) error {
		switch {
		case errors.Is(err, queue.ErrUsed):
			k.say(k.says.used, printable(d.Object.Name))
		case errors.Is(err, queue.ErrPassedOn):
			k.say(k.says.passedOn, printable(d.Object.Name))
		default:
			done++
			return err
		}
		kept++
		return nil
	}
	if k.run != "" {
		if err := k.db.Queue().Drop(ctx, k.run, callerText(), k.now(), tell); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := k.dropObject(ctx, id, tell); err != nil {
			return err
		}
	}
	k.say(k.says.dropped, done, kept)
	if kept > 0 {
		return errFindings
	}
	return nil
}

func (k *claiming) dropObject(ctx context.Context, id duplicates.GUID, tell func(queue.Decision, error) error) error {
	list, err := k.db.Queue().Claimed(ctx, id)
	if err != nil {
		return err
	}
	if len(list) == 0 { // claimed without a decision: by the demo, by a repair
		return k.dropBare(ctx, id)
	}
	for _, d := range list {
		_, err := k.db.Queue().Undo(ctx, d.ID, map[string]any{"by": callerText()}, k.now())
		if err := tell(d, err); err != nil {
			return err
		}
	}
	return nil
}

func (k *claiming) dropBare(ctx context.Context, id duplicates.GUID) error {
	owners, err := k.db.Accounts().Owners(ctx, targetAD, [][16]byte{id})
	if err != nil {
		return err
	}
	o := owners[id]
	if o.Subject != "" || len(o.Records) == 0 {
		return usageError(k.says.noClaim, hex.EncodeToString(id[:]))
	}
	if err := k.audit(ctx, "claim_drop", map[string]any{"object": hex.EncodeToString(id[:]), "records": o.Records}); err != nil {
		return err
	}
	return k.db.Claims().Drop(ctx, targetAD, id)
}
