// podsecurity judges every pod template in manifests by Kubernetes' own Pod Security policies, without a cluster.
//
//	podsecurity [--level restricted] [--version latest] [file ...]
//
// It reads YAML or JSON (several documents, Lists) from the files or from standard input, and prints one line for each violation.
// Exit code: 0 none, 1 violations, 2 nothing could be judged (unreadable input, a misspelt field, no pod template at all).
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

func main() {
	level := flag.String("level", string(api.LevelRestricted), "baseline or restricted")
	version := flag.String("version", api.LatestVersion().String(), "policy version, as v1.34 or latest")
	flag.Parse()
	violations, err := run(*level, *version, flag.Args(), os.Stdin, os.Stdout)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "podsecurity:", err)
		os.Exit(2)
	case violations > 0:
		os.Exit(1)
	}
}

// run judges the files, or input when there are none, and returns the number of violations it has printed.
func run(level, version string, files []string, input io.Reader, output io.Writer) (int, error) {
	judge, err := newJudge(level, version, output)
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		err = judge.stream("standard input", input)
	}
	for _, name := range files {
		if err == nil {
			err = judge.file(name)
		}
	}
	if err == nil && judge.templates == 0 {
		err = errors.New("no pod template in the input")
	}
	return judge.violations, err
}

type judge struct {
	policy     api.LevelVersion
	evaluator  policy.Evaluator
	decoder    runtime.Decoder
	output     io.Writer
	templates  int
	violations int
}

func newJudge(level, version string, output io.Writer) (*judge, error) {
	parsedLevel, err := api.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--level: %w", err)
	}
	parsedVersion, err := api.ParseVersion(version)
	if err != nil {
		return nil, fmt.Errorf("--version: %w", err)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return &judge{
		policy:    api.LevelVersion{Level: parsedLevel, Version: parsedVersion},
		evaluator: evaluator,
		decoder:   serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer(),
		output:    output,
	}, nil
}

func (j *judge) file(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return j.stream(name, file)
}

func (j *judge) stream(name string, input io.Reader) error {
	documents := yamlreader.NewYAMLReader(bufio.NewReader(input))
	for number := 1; ; number++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = j.document(document)
		}
		if err != nil {
			return fmt.Errorf("%s, document %d: %w", name, number, err)
		}
	}
}

func (j *judge) document(document []byte) error {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	if string(raw) == "null" {
		return nil
	}
	return j.object(raw)
}

func (j *judge) object(raw []byte) error {
	var header struct {
		metav1.TypeMeta `json:",inline"`
		Items           []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return err
	}
	if header.Items != nil {
		for index, item := range header.Items {
			if err := j.object(item); err != nil {
				return fmt.Errorf("item %d: %w", index, err)
			}
		}
		return nil
	}
	object, _, err := j.decoder.Decode(raw, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return nil // a kind without pods
	}
	if err != nil {
		return fmt.Errorf("%s: %w", header.Kind, err)
	}
	return j.template(header.Kind, object)
}

func (j *judge) template(kind string, object runtime.Object) error {
	template := podTemplate(object)
	if template == nil {
		return nil
	}
	j.templates++
	owner, ok := object.(metav1.Object)
	if !ok {
		return fmt.Errorf("%s has no metadata", kind)
	}
	for _, result := range j.evaluator.EvaluatePod(j.policy, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			j.violations++
			fmt.Fprintf(j.output, "%s %s/%s: %s: %s\n", kind, owner.GetNamespace(), owner.GetName(), result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	return nil
}

// podTemplate is what the object makes pods from, nil for a kind without pods.
func podTemplate(object runtime.Object) *corev1.PodTemplateSpec {
	switch object := object.(type) {
	case *corev1.Pod:
		return &corev1.PodTemplateSpec{ObjectMeta: object.ObjectMeta, Spec: object.Spec}
	case *corev1.PodTemplate:
		return &object.Template
	case *corev1.ReplicationController:
		return object.Spec.Template
	case *appsv1.ReplicaSet:
		return &object.Spec.Template
	case *appsv1.Deployment:
		return &object.Spec.Template
	case *appsv1.StatefulSet:
		return &object.Spec.Template
	case *appsv1.DaemonSet:
		return &object.Spec.Template
	case *batchv1.Job:
		return &object.Spec.Template
	case *batchv1.CronJob:
		return &object.Spec.JobTemplate.Spec.Template
	}
	return nil
}
