// Says what PromQL expressions come to over series: reads {"series", "expr", "minutes"} as JSON and writes, for every
// minute, the labels and values of the result. Series are written as Prometheus' own tests write them: `up{job="a"} 0+1x60`.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

type question struct {
	Series  []string `json:"series"`
	Expr    string   `json:"expr"`
	Minutes int      `json:"minutes"`
}

type answer struct {
	Labels map[string]string `json:"labels"`
	Values map[int64]float64 `json:"values"`
}

func main() {
	var asked question
	err := json.NewDecoder(os.Stdin).Decode(&asked)
	if err == nil {
		var found []answer
		if found, err = evaluate(asked); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(found)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func evaluate(asked question) ([]answer, error) {
	reader := parser.NewParser(parser.Options{})
	var all store
	for _, text := range asked.Series {
		lset, values, err := reader.ParseSeriesDesc(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		var samples []chunks.Sample
		for minute, value := range values {
			if !value.Omitted {
				samples = append(samples, sample{int64(minute) * time.Minute.Milliseconds(), value.Value})
			}
		}
		all = append(all, series{lset, samples})
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: reader})
	end := time.Unix(0, 0).Add(time.Duration(asked.Minutes) * time.Minute)
	query, err := engine.NewRangeQuery(context.Background(), all, nil, asked.Expr, time.Unix(0, 0), end, time.Minute)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	matrix, err := query.Exec(context.Background()).Matrix()
	found := []answer{}
	for _, one := range matrix {
		values := map[int64]float64{}
		for _, point := range one.Floats {
			values[point.T/time.Minute.Milliseconds()] = point.F
		}
		found = append(found, answer{one.Metric.Map(), values})
	}
	return found, err
}

type sample struct {
	t int64
	f float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

// store is its own querier: everything is in memory.
type store []series

func (s store) Querier(_, _ int64) (storage.Querier, error) { return s, nil }
func (s store) Close() error                                { return nil }
func (s store) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}
func (s store) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}
func (s store) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &set{at: -1}
	for _, one := range s {
		matches := true
		for _, matcher := range matchers {
			matches = matches && matcher.Matches(one.labels.Get(matcher.Name))
		}
		if matches {
			found.series = append(found.series, storage.NewListSeries(one.labels, one.samples))
		}
	}
	return found
}

type set struct {
	series []storage.Series
	at     int
}

func (s *set) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series                { return s.series[s.at] }
func (s *set) Err() error                        { return nil }
func (s *set) Warnings() annotations.Annotations { return nil }
