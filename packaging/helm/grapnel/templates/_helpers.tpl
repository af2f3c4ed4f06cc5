{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "grapnel.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "grapnel.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "grapnel.labels" -}}
{{ include "grapnel.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The Secret that holds the database's URL and the main secret: the one that is named, or the chart's own. */}}
{{- define "grapnel.secretName" -}}
{{- if .Values.existingSecret.name -}}
{{- if or .Values.store.url .Values.mainSecret -}}
{{- fail "existingSecret.name is set, so store.url and mainSecret have to be empty: put both into that Secret" -}}
{{- end -}}
{{- .Values.existingSecret.name -}}
{{- else -}}
{{- include "grapnel.name" . -}}
{{- end -}}
{{- end -}}

{{- define "grapnel.urlKey" -}}
{{- if .Values.existingSecret.name }}{{ .Values.existingSecret.urlKey }}{{ else }}store-url{{ end -}}
{{- end -}}

{{- define "grapnel.mainSecretKey" -}}
{{- if .Values.existingSecret.name }}{{ .Values.existingSecret.mainSecretKey }}{{ else }}main-secret{{ end -}}
{{- end -}}

{{- define "grapnel.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* A value as the configuration file has it. Numbers come as floats, which would be written 1e+06. */}}
{{- define "grapnel.value" -}}
{{- $text := toString . -}}
{{- if kindIs "float64" . }}{{ $text = int64 . | toString }}{{ end -}}
{{- if kindIs "slice" . }}{{ $text = join "," . }}{{ end -}}
{{- $text | replace "\\" "\\\\" | replace "\"" "\\\"" | printf "\"%s\"" -}}
{{- end -}}

{{/* The configuration file: what the chart decides, then config, each value in quotes. */}}
{{- define "grapnel.configuration" -}}
server.stop_timeout = {{ .Values.stopTimeoutSeconds }}s
{{- with .Values.publicUrl }}
server.public_url = {{ . | quote }}
{{- end }}
{{- range $name, $value := .Values.config }}
{{ $name }} = {{ include "grapnel.value" $value }}
{{- end }}
{{- end -}}
